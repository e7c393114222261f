/** Short names for the generated schemas. */
import type { components } from './schema';

type Schemas = components['schemas'];

export type Alert = Schemas['Alert'];
export type AlertPage = Schemas['AlertPage'];
export type Backtest = Schemas['Backtest'];
export type Citation = Schemas['Citation'];
export type Component = Schemas['Component'];
export type Delivery = Schemas['Delivery'];
export type Destination = Schemas['Destination'];
export type DestinationList = Schemas['DestinationList'];
export type Episode = Schemas['Episode'];
export type Feed = Schemas['Feed'];
export type FeedList = Schemas['FeedList'];
export type FeedStatus = Feed['status'];
export type FeedSeries = Schemas['FeedSeries'];
export type Figures = Schemas['Figures'];
export type Gap = Schemas['Gap'];
export type Health = Schemas['Health'];
export type LiveMessage = Schemas['LiveEnvelope']['message'];
export type MomentumSeries = Schemas['MomentumSeries'];
export type Post = Schemas['Post'];
export type Problem = Schemas['Problem'];
export type Report = Schemas['Report'];
export type ReportList = Schemas['ReportList'];
export type Run = Schemas['Run'];
export type RunStep = Schemas['RunStep'];
export type SearchHit = Schemas['SearchHit'];
export type SearchResult = Schemas['SearchResult'];
export type SeriesPoint = Schemas['SeriesPoint'];
export type Topic = Schemas['Topic'];
export type TopicDetail = Schemas['TopicDetail'];
export type TopicList = Schemas['TopicList'];
export type TopicStatus = Topic['status'];
export type Watch = Schemas['Watch'];
export type WatchList = Schemas['WatchList'];
export type WatchRule = Schemas['WatchRule'];
